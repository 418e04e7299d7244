// SPDX-License-Identifier: Apache-2.0

package lbadmin

import "github.com/caddy-passthrough/caddy-passthrough/modules/control"

// explain says what the frontends would do with a connection. It is a POST although it changes
// nothing: a ClientHello is longer than many programs allow an address to be, and the names in
// addresses are in their logs.
func explain(r *request) (any, error) {
	p, err := decodeUpTo[control.Probe](r, control.MaxProbeHello+maxBody, `{"frontend": "tls", "name": "www.example.com"}`)
	if err != nil {
		return nil, err
	}
	return asAnswer(control.Explain(p))
}

// asAnswer makes the results of a function those of a method.
func asAnswer[T any](v T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}
