# The test cluster of the labs: 3 controllers and 10 workers in two regions.
cluster_id = "lab"
domain     = "lab.example"
regions = [
  { name = "us-east", controllers = 3, workers = 6 },
  { name = "eu-west", controllers = 0, workers = 4 },
]
