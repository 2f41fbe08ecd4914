"""Tables, columns, indexes and views, and how they are made and upgraded."""
