// A file that the server made, given to the person: it lies nowhere else.
watch("file", () => {
  const { name, type, text } = props.file || {};
  if (!name) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
});
