"use strict";
// validatorUrl null: no request leaves for another host.
SwaggerUIBundle({ url: "/openapi.json", dom_id: "#docs", validatorUrl: null });
