# Which hosts a DWCP cluster has, what each may be reached on, and the inventory for Ansible.
#
# No provider is named: nothing here is created at a cloud. `hosts` and `firewall` are what the
# resources of your provider take, one for each element; `inventory` is what Ansible reads.

terraform {
  required_version = ">= 1.6"
}

locals {
  # Hosts are numbered through the regions, in their order: worker-1, worker-2, ...
  places = {
    controller = flatten([for region in var.regions : [for _ in range(region.controllers) : region.name]])
    worker     = flatten([for region in var.regions : [for _ in range(region.workers) : region.name]])
  }

  # Processors and memory are the published minimum; the disks of the test size are our choice.
  sizes = {
    test = {
      controller = { vcpus = 4, memory_gb = 8, disk_gb = 100 }
      worker     = { vcpus = 4, memory_gb = 8, disk_gb = 100 }
    }
    production = {
      controller = { vcpus = 16, memory_gb = 32, disk_gb = 500 }
      worker     = { vcpus = 32, memory_gb = 64, disk_gb = 1000 }
    }
  }

  hosts = merge([
    for role, regions in local.places : {
      for index, region in regions : "${role}-${index + 1}" => merge(
        local.sizes[var.sizing][role],
        { role = role, region = region, address = "${role}-${index + 1}.${var.domain}" },
      )
    }
  ]...)

  members = [for name, host in local.hosts : name if host.role == "controller"]

  # Nothing else is open between hosts, and nothing at all to the internet.
  firewall = [
    { to = "controller", from = ["clients", "worker"], first = 8080, last = 8080, use = "REST, and nodes that join" },
    { to = "controller", from = ["clients", "worker"], first = 8081, last = 8081, use = "gRPC" },
    { to = "controller", from = ["controller"], first = 8082, last = 8082, use = "Raft" },
    { to = "controller", from = ["controller", "worker"], first = 8083, last = 8083, use = "gossip" },
    { to = "worker", from = ["controller", "worker"], first = 8083, last = 8083, use = "gossip" },
    { to = "controller", from = ["monitoring"], first = 8084, last = 8084, use = "metrics" },
    { to = "worker", from = ["monitoring"], first = 8084, last = 8084, use = "metrics" },
    { to = "worker", from = ["worker"], first = 8085, last = 8100, use = "AMST, 16 streams" },
  ]

  inventory = {
    all = {
      vars = {
        cluster_id  = var.cluster_id
        controllers = local.members
        release     = var.release
        ports = {
          for role in ["controller", "worker"] :
          role => [for rule in local.firewall : { first = rule.first, last = rule.last, from = rule.from } if rule.to == role]
        }
      }
      children = {
        for role in ["controller", "worker"] : "${role}s" => {
          hosts = {
            for name, host in local.hosts : name => { ansible_host = host.address, node_region = host.region }
            if host.role == role
          }
        }
      }
    }
  }
}
