/* page_globals.mjs - what modules ask of a page when they are loaded, for tests of their pure parts: import it before them. */
globalThis.matchMedia ??= () => ({ matches: false, addEventListener() {} });
