"""One short recipe per model, on `accelerate`: each states its full command in its docstring."""
