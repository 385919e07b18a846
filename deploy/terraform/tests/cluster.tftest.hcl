# terraform test: what the plan says of the labs' cluster, and what it refuses.

variables {
  cluster_id = "lab"
  domain     = "lab.example"
  regions = [
    { name = "us-east", controllers = 3, workers = 6 },
    { name = "eu-west", controllers = 0, workers = 4 },
  ]
}

run "the_labs_cluster" {
  command = plan

  assert {
    condition     = length(output.hosts) == 13 && output.hosts["controller-3"].region == "us-east"
    error_message = "Three controllers in us-east and ten workers."
  }
  assert {
    condition     = length([for host in values(output.hosts) : host if host.role == "worker" && host.region == "eu-west"]) == 4
    error_message = "Four of the workers are in eu-west."
  }
  assert {
    condition     = yamldecode(output.inventory).all.vars.controllers == ["controller-1", "controller-2", "controller-3"]
    error_message = "Every node is told of all three controllers."
  }
  assert {
    condition     = yamldecode(output.inventory).all.children.workers.hosts["worker-7"].node_region == "eu-west"
    error_message = "Workers are numbered region by region: 1 to 6, then 7 to 10."
  }
}

run "sixteen_data_ports_and_none_to_clients" {
  command = plan

  assert {
    condition     = [for rule in output.firewall : rule.last - rule.first + 1 if rule.from == ["worker"] && rule.to == "worker"] == [16]
    error_message = "8085 to 8100 are open between workers: 16 streams."
  }
  assert {
    condition     = sort([for rule in output.firewall : tostring(rule.first) if contains(rule.from, "clients")]) == tolist(["8080", "8081"])
    error_message = "Clients reach REST and gRPC of controllers, and nothing else."
  }
}

run "production_has_its_minimum" {
  command = plan
  variables {
    sizing = "production"
  }

  assert {
    condition     = output.hosts["worker-1"].memory_gb == 64 && output.hosts["controller-1"].vcpus == 16
    error_message = "The published minimum: 64 GB for a worker, 16 vCPU for a controller."
  }
}

run "four_controllers_are_refused" {
  command = plan
  variables {
    regions = [{ name = "us-east", controllers = 4, workers = 6 }]
  }
  expect_failures = [var.regions]
}

run "a_release_of_another_major_version_is_refused" {
  command = plan
  variables {
    release = "2.9.0"
  }
  expect_failures = [var.release]
}
