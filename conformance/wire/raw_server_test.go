package wire

import (
	"bufio"
	"net"
	"net/http"
)

// A rawConn is a connection to a server whose handler writes its answer by
// hand.
type rawConn struct {
	net.Conn
	Reader  *bufio.Reader
	Request *http.Request
}
