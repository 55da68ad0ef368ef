"""The agent: a LangGraph graph that solves a mathematics problem and asks for the theorems it needs."""
