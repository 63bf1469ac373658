"""How fast the app answers on this machine, as a person in a browser sees it."""
