output "hosts" {
  description = "Name -> role, region, address, vcpus, memory_gb, disk_gb."
  value       = local.hosts
}

output "firewall" {
  description = "What is open: to which role, from whom, first and last port, and what for."
  value       = local.firewall
}

output "inventory" {
  description = "Ansible's inventory, YAML: terraform output -raw inventory > ../ansible/inventory.yaml"
  value       = yamlencode(local.inventory)
}
