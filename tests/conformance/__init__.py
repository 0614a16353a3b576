"""The socket's handshake and framing against the WebSocket standard's own cases."""
