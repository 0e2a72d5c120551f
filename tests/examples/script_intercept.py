"""Outside pytest: a program's calls for the real host go to a fake."""

import os

from poster import make_poster

from leomock import Fake

fake = Fake(jobs="immediate")
os.environ["LEONARDO_API_KEY"] = fake.api_key
with fake.intercept():
    print(make_poster("a lighthouse")[:2])
print(len(fake.assert_called("createGeneration")))
