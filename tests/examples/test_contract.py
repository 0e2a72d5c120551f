from leomock.contract import schema

schema.config.generation.update(max_examples=20)


@schema.include(path_regex="^/prompt").parametrize()
def test_prompts(case):
    case.call_and_validate()
