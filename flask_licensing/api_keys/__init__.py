"""API keys: who may call, and which endpoints."""
