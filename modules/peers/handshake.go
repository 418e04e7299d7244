// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// StatusError is the answer of a peer that does not accept a connection, or of this process.
type StatusError int

// Error names the status.
func (e StatusError) Error() string {
	reasons := map[StatusError]string{
		statusTryAgain:   "try again later",
		statusProtocol:   "protocol error",
		statusVersion:    "unknown version of the protocol",
		statusLocalName:  "it has another name",
		statusRemoteName: "it does not know the name of this peer",
	}
	if reason, known := reasons[e]; known {
		return fmt.Sprintf("status %d: %s", int(e), reason)
	}
	return fmt.Sprintf("status %d", int(e))
}

// hello is the introduction of a peer that connects.
type hello struct {
	version    int    // after "2."
	to, from   string // the names of the peers
	remainder  string // the numbers of its process, which are of no use
	downgraded bool   // version 2.0: updates have no time
}

// greet introduces this process to a peer that it has connected to.
func greet(conn net.Conn, r *bufio.Reader, h hello) error {
	_, err := fmt.Fprintf(conn, "%s 2.%d\n%s\n%s %d 1\n", protocolName, h.version, h.to, h.from, os.Getpid())
	if err != nil {
		return err
	}
	line, err := readLine(r)
	if err != nil {
		return err
	}
	if status, err := strconv.Atoi(line); err != nil {
		return fmt.Errorf("%w: status %q", errMalformed, line)
	} else if status != statusOK {
		return StatusError(status)
	}
	return nil
}

// receive reads the introduction of a peer. The error is a StatusError to answer with, or one of
// the connection.
func receive(r *bufio.Reader, local string) (h hello, err error) {
	line, err := readLine(r)
	if err != nil {
		return h, err
	}
	version, isProtocol := strings.CutPrefix(line, protocolName+" ")
	if !isProtocol {
		return h, StatusError(statusProtocol)
	}
	switch version {
	case "2.0":
		h.version, h.downgraded = downgradedVersion, true
	case "2.1":
		h.version = minorVersion
	default:
		return h, StatusError(statusVersion)
	}
	if h.to, err = readLine(r); err != nil {
		return h, err
	}
	if h.to != local {
		return h, StatusError(statusLocalName)
	}
	if line, err = readLine(r); err != nil {
		return h, err
	}
	var hasProcess bool
	if h.from, h.remainder, hasProcess = strings.Cut(line, " "); !hasProcess {
		return h, StatusError(statusProtocol)
	}
	return h, nil
}

// readLine reads a line of the handshake without its end.
func readLine(r *bufio.Reader) (string, error) {
	var line []byte
	for len(line) < maxLine {
		b, err := r.ReadByte()
		if err != nil {
			return "", err
		}
		if b == '\n' {
			return strings.TrimSuffix(string(line), "\r"), nil
		}
		line = append(line, b)
	}
	return "", StatusError(statusProtocol)
}
