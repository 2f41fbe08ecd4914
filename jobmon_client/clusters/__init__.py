"""Where commands run: plugins with four verbs."""
