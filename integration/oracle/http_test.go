// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
)

// httpRequest is how one begins.
var httpRequest = regexp.MustCompile(`^[A-Z]+ `)

// answer is the part of a server that serves HTTP: a request gets the status and, as
// the body, the server's name. So does one in TLS, after a handshake, if the
// ClientHello has no server name, as that of a health check has none. Any other
// client is greeted, in plain text.
func answer(status int) func(*session) error {
	return func(s *session) error {
		if err := s.awaitData(); err != nil {
			return err
		}
		conn := net.Conn(&feed{session: s, Conn: s.conn})
		switch named, err := s.serverName(); {
		case err == nil && !named:
			conn = tls.Server(conn, offers(authority().issue(time.Hour)))
		case !httpRequest.Match(s.bytes()):
			return s.greet()
		}
		defer conn.Close()
		request, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return err
		}
		body := s.server + "\n"
		if request.Method == http.MethodHead {
			body = ""
		}
		_, err = fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, http.StatusText(status), len(s.server)+1, body)
		return err
	}
}

// serverName reports whether the ClientHello that comes has a server name. It is an
// error if none comes.
func (s *session) serverName() (bool, error) {
	for {
		s.mu.Lock()
		hello, err := clienthello.Parse(s.received)
		named, more := err == nil && hello.HasServerName(), s.more
		s.mu.Unlock()
		if !errors.Is(err, clienthello.ErrNeedMore) {
			return named, err
		}
		select {
		case <-more:
		case <-s.ended:
			return false, err
		}
	}
}
