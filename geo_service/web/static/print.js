/** A button that prints the page; without scripts there is none, and the browser's menu does the same. */

const button = document.getElementById("print");
button.hidden = false;
button.addEventListener("click", () => window.print());
