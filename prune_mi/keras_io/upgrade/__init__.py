"""From a model that only Keras 2 opens to a Keras 3 model that answers the same."""
