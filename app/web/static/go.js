// The form of a launch goes on by itself; without scripts its button does.
document.querySelector("form[data-go]")?.submit();
