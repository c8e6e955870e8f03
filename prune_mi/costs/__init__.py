"""What a network costs: how each cost is counted, and what a run is to make of them."""
