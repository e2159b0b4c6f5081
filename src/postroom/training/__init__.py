"""What each person calls junk, learnt from what they move there and back."""
