// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"bufio"
	"errors"
	"io"
	"math"
	"net/http"
	"net/textproto"
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// httpResponse is a response whose body is still being read.
type httpResponse struct {
	sample.CheckResponse
	status string // as received, such as 200 OK
	body   io.Reader
}

var errBodyComplete = errors.New("the answer is over")

// read appends the next bytes to received, up to a limit.
func (r *scriptRun) read(from io.Reader, limit int) {
	buffer := make([]byte, 4096)
	n, err := from.Read(buffer[:min(len(buffer), limit-len(r.received))])
	r.received = append(r.received, buffer[:n]...)
	if len(r.received) == limit {
		err = errReadLimit
	}
	r.readErr = err
}

// receiveHTTP reads the head of the response, or if that is there, more of its body.
func (r *scriptRun) receiveHTTP() *failure {
	if r.response != nil {
		r.read(r.response.body, maxBody)
		if errors.Is(r.readErr, io.EOF) {
			r.readErr = errBodyComplete
		}
		return nil
	}
	if r.request == nil {
		if r.read(r.conn, maxHead); r.readErr == nil {
			return layer7.failf("an answer without a request: got %s", quoted(r.received))
		}
		return nil
	}
	limit := &io.LimitedReader{R: r.conn, N: maxHead}
	response, bad := readResponse(r.conn, bufio.NewReader(limit), &http.Request{Method: r.request.Method}) //nolint:bodyclose // the connection ends with the check
	if bad != nil {
		return bad
	}
	limit.N = math.MaxInt64
	r.response = &httpResponse{
		CheckResponse: sample.CheckResponse{
			Status: response.StatusCode, Header: textproto.MIMEHeader(response.Header),
			Version: strconv.Itoa(response.ProtoMajor) + "." + strconv.Itoa(response.ProtoMinor),
		},
		status: response.Status, body: response.Body,
	}
	if len(response.TransferEncoding) > 0 {
		response.Header["Transfer-Encoding"] = response.TransferEncoding
	}
	if response.ContentLength == 0 {
		r.readErr = errBodyComplete
	}
	return nil
}

// judgeHTTP compares a response with the expectation. A 404 that means that the server drains
// passes here; result turns it into L7OKC.
func (r *scriptRun) judgeHTTP(e *Expect) (verdict, *failure) {
	if r.isDraining(r.response.Status) {
		return passes, nil
	}
	in, code := r.input(), pool.Layer7Status
	var found bool
	var wrong string
	switch e.name {
	case "status":
		found = inSpans(e.spans, r.response.Status)
	case "status_matches":
		found = e.pattern.MatchString(strconv.Itoa(r.response.Status))
	case "header":
		found, wrong = e.Header.found(in)
	default:
		return r.judgeBody(e, in)
	}
	switch {
	case wrong != "":
		return fails, layer7.failf("%s", wrong)
	case found != e.Not:
		return passes, nil
	}
	return fails, r.mismatch(e, code, printable(r.response.status))
}

// judgeBody judges expectations about the body.
func (r *scriptRun) judgeBody(e *Expect, in *sample.Input) (verdict, *failure) {
	if len(r.received) == 0 {
		if r.readErr == nil {
			return waits, nil
		}
		return fails, r.mismatch(e, pool.Layer7Response, printable(r.response.status)+", without a body")
	}
	return r.judgeText(e, in, printable(r.response.status)+": ")
}
