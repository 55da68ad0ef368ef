"""What a trained model is as a folder; `retriever.registry` keeps their versions."""
