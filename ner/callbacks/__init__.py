"""What happens around the steps: seeding, saving, reporting, writing predictions."""
