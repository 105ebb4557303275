// To the kernel the program is the loader. Who starts another Node.js shall start the wrapper.
process.execPath = '/repo/test/vm/guest-bin/node';
