"""The shared client timeline as a read model: its tables, what stands in them, and questions to them."""
