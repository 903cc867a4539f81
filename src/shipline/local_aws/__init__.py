"""PROGRAM: ECS, ECR and ELB as their clients speak to them, on one machine."""
