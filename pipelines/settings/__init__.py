"""What can be set. sections.py has every knob; the other files read, check and show them."""
