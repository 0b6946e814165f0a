"""The pages: doors, guards, forms and templates. Below this room nobody speaks HTTP."""
