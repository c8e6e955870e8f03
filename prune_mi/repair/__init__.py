"""What makes a changed network work again without training."""
