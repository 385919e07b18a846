variable "cluster_id" {
  description = "The cluster's id. It is never used again after a wipe."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.cluster_id))
    error_message = "cluster_id has 2 to 31 small letters, digits and hyphens, a letter first."
  }
}

variable "regions" {
  description = "The regions in order, and how many controllers and workers there are in each."
  type        = list(object({ name = string, controllers = number, workers = number }))
  validation {
    condition     = contains([3, 5], sum(var.regions[*].controllers))
    error_message = "There are 3 or 5 controllers in all; one more than an odd number survives no more failures."
  }
  validation {
    condition     = sum(var.regions[*].workers) >= 1
    error_message = "A cluster has at least one worker."
  }
  validation {
    condition     = alltrue([for count in concat(var.regions[*].controllers, var.regions[*].workers) : count >= 0 && floor(count) == count])
    error_message = "Hosts are counted in whole numbers from 0."
  }
  validation {
    condition     = length(distinct(var.regions[*].name)) == length(var.regions)
    error_message = "Each region is named once."
  }
}

variable "sizing" {
  description = "test: small hosts for labs; production: the published minimum for each role."
  type        = string
  default     = "test"
  validation {
    condition     = contains(["test", "production"], var.sizing)
    error_message = "sizing is test or production."
  }
}

variable "domain" {
  description = "The DNS domain in which the hosts' names are."
  type        = string
}

variable "release" {
  description = "The release of DWCP on every node."
  type        = string
  default     = "3.0.0"
  validation {
    condition     = can(regex("^3\\.[0-9]+\\.[0-9]+$", var.release))
    error_message = "release is a version 3.x.y."
  }
}
