// SPDX-License-Identifier: Apache-2.0

package clienthello_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

func ExampleInspection() {
	client, server := net.Pipe()
	defer server.Close()
	go tls.Client(client, &tls.Config{ServerName: "www.example.com"}).Handshake()

	i := clienthello.NewInspection(0)
	defer i.Release()
	// One deadline for the whole hello: a client must not get more time by sending it in small pieces.
	server.SetReadDeadline(time.Now().Add(5 * time.Second))
	for i.Outcome() == clienthello.Pending {
		n, err := server.Read(i.Space())
		i.Commit(n)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			i.Expire()
		case err != nil:
			i.Leave()
		}
	}
	fmt.Println(i.Outcome())
	if hello := i.Hello(); hello != nil {
		fmt.Printf("%s, TLS %s\n", hello.ServerName(), clienthello.VersionName(hello.Version()))
	}
	// Output:
	// hello
	// www.example.com, TLS 1.3
}

func ExampleParse() {
	_, err := clienthello.Parse([]byte("GET / HTTP/1.1\r\n"))
	fmt.Println(errors.Is(err, clienthello.ErrNotTLS), err)
	// Output:
	// true not TLS: first byte begins no hello
}

// Extensions that the package does not parse can be read by their type.
func ExampleHello_Extension() {
	const sessionTicket = 35
	raw := hellotest.Plain(hellotest.SNI("www.example.com"), hellotest.Extension(sessionTicket, nil)).Raw()
	hello, err := clienthello.Parse(raw)
	if err != nil {
		fmt.Println(err)
	}
	ticket, present := hello.Extension(sessionTicket)
	fmt.Println(len(ticket), present)
	// Output:
	// 0 true
}
