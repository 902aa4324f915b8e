// Shows the service's own description; the token that Authorize asks for stays in the memory of the page.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  tryItOutEnabled: true,
  persistAuthorization: false,
  // No description is sent to a validator elsewhere.
  validatorUrl: null,
});
