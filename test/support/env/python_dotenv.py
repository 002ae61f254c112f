"""Prints what python-dotenv reads from each file of a folder: a line of JSON each, values in base64, null if it refuses."""

import base64
import json
import os
import sys

from dotenv import dotenv_values

folder = sys.argv[1]
for name in sorted(os.listdir(folder)):
    try:
        values = dotenv_values(os.path.join(folder, name))
        known = {key: value for key, value in values.items() if value is not None}
        print(json.dumps({key: base64.b64encode(value.encode()).decode() for key, value in known.items()}))
    except Exception:
        print("null")
