"""Keras 2 (`tf_keras`), in a process of its own: `python -m prune_mi.keras2 FOLDER`.

Nothing imports this room, and it imports no Keras 3. It reads FOLDER/request.json, opens the model
that it names, and leaves in FOLDER a description that needs neither Keras to be read:

    description.json    layers, graphs, what is known of the reference outputs
    weights.npz         the weights and constants that the description names
    reference.npz       random inputs, and what the old model answered
    error.json          in their place where that failed, with the reason
"""
