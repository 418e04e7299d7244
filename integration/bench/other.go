// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "the bench needs Linux: it pins processes to cores and reads /proc")
	os.Exit(1)
}
