"""What all routes share: endpoints, authentication, errors, the OpenAPI document."""
