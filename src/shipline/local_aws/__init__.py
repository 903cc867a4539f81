"""PROGRAM: ECS, ECR and Elastic Load Balancing as their clients speak to them, on one machine."""
