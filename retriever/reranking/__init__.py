"""The rerankers that there are, by name; `retriever.rerank` is what a search asks of them."""
