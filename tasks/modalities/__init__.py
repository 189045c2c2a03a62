"""What rows are made of: for each modality, how its columns become features."""
