"""The files behind CDN URLs: their keys, lookup, drawing and upload forms."""
