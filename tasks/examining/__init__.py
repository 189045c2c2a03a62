"""What is wrong with rows and columns, and how good they are: hazards, personal data, noise, label errors, coverage."""
