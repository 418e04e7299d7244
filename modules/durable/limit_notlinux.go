// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package durable

func openDescriptors() int { return usualDescriptors }
