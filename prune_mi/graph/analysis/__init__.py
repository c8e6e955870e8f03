"""What can be told of a graph as it is: costs, kinds, places, and what can go."""
