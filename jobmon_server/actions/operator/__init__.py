"""Operations of an operator on tasks and workflows."""
