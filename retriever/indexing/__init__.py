"""The parts of the index: places, builds, versions, rows; `retriever.index` is what others use."""
