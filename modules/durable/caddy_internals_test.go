// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"net"
	"reflect"
	"strconv"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// docs/design.md lists these and all others in "Relied on in Caddy and caddy-l4".

// A context of Caddy has its configuration in the field cfg.
func TestContextHoldsConfig(t *testing.T) {
	field, ok := reflect.TypeFor[caddy.Context]().FieldByName("cfg")
	if !ok || field.Type != reflect.TypeFor[*caddy.Config]() {
		t.Fatal("Caddy has changed: caddy.Context has no field cfg of type *caddy.Config; validate.go:adminAddress reads the admin endpoint's address from it, and no longer finds conflicts with it")
	}
	admin := reflect.TypeFor[caddy.Config]()
	for _, name := range []string{"Disabled", "Listen"} {
		if f, ok := admin.FieldByName("Admin"); !ok || f.Type.Kind() != reflect.Pointer || !hasFieldNamed(f.Type.Elem(), name) {
			t.Errorf("Caddy has changed: caddy.Config has no field Admin.%s; validate.go:adminAddress reads it", name)
		}
	}
}

func hasFieldNamed(t reflect.Type, name string) bool {
	_, ok := t.FieldByName(name)
	return ok
}

// ListenerUsage counts Caddy's plain listeners by network and address as configured.
func TestListenerUsageCountsPlainListeners(t *testing.T) {
	for _, host := range []string{"127.0.0.1", ""} {
		port := unused(t)
		at := caddy.NetworkAddress{Network: "tcp", Host: host, StartPort: uint(port), EndPort: uint(port)}
		ln, err := at.Listen(t.Context(), 0, net.ListenConfig{})
		if err != nil {
			t.Fatal(err)
		}
		if caddy.ListenerUsage("tcp", net.JoinHostPort(host, strconv.Itoa(port))) == 0 {
			t.Errorf("Caddy has changed: ListenerUsage does not count a listener at %v; kernel_linux.go:hasPlainListener finds plain listeners by it, and a reload from %[1]v to durable/ now fails", at)
		}
		if err := ln.(net.Listener).Close(); err != nil {
			t.Fatal(err)
		}
	}
}
