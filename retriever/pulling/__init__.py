"""Where weights come from: the hub, wheels, what is verified; `retriever.weights` is what others use."""
