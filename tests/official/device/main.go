// A device service on the official Go SDK: what it is told to hold is what it reads back, and a
// burst of numbered readings goes out on request, so that every one of them can be counted.
package main

import (
	"fmt"
	"os"
	"sync"

	"github.com/edgexfoundry/device-sdk-go/v4/pkg/interfaces"
	sdk "github.com/edgexfoundry/device-sdk-go/v4/pkg/models"
	"github.com/edgexfoundry/device-sdk-go/v4/pkg/startup"
	"github.com/edgexfoundry/go-mod-core-contracts/v4/common"
	"github.com/edgexfoundry/go-mod-core-contracts/v4/models"
)

type protocols = map[string]models.ProtocolProperties

type driver struct {
	service interfaces.DeviceServiceSDK
	mutex   sync.Mutex
	held    map[string]*sdk.CommandValue // by device and resource
	next    uint64                       // of the numbers sent in bursts
}

var first = map[string]any{
	common.ValueTypeBool: true, common.ValueTypeInt32: int32(-7), common.ValueTypeUint64: uint64(18446744073709551615),
	common.ValueTypeInt64: int64(-9223372036854775808), common.ValueTypeFloat32: float32(1.1), common.ValueTypeFloat64: 0.1,
	common.ValueTypeString: "first", common.ValueTypeBinary: []byte{0, 1, 254, 255}, common.ValueTypeInt32Array: []int32{1, -2, 3},
	common.ValueTypeStringArray: []string{"a", "b"}, common.ValueTypeObject: map[string]any{"a": 1.5, "b": "c"},
}

func (d *driver) Initialize(service interfaces.DeviceServiceSDK) error {
	d.service = service
	d.held = map[string]*sdk.CommandValue{}
	return nil
}

func (d *driver) HandleReadCommands(device string, _ protocols, requests []sdk.CommandRequest) ([]*sdk.CommandValue, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	var values []*sdk.CommandValue
	for _, r := range requests {
		if r.DeviceResourceName == "Broken" {
			return nil, fmt.Errorf("the device said: \"no -> %s\"", "never")
		}
		value := d.held[device+"/"+r.DeviceResourceName]
		if value == nil {
			var err error
			if value, err = sdk.NewCommandValue(r.DeviceResourceName, r.Type, first[r.Type]); err != nil {
				return nil, err
			}
		}
		copied := *value
		values = append(values, &copied)
	}
	return values, nil
}

func (d *driver) HandleWriteCommands(device string, _ protocols, requests []sdk.CommandRequest, params []*sdk.CommandValue) error {
	for i, r := range requests {
		if r.DeviceResourceName == "Burst" {
			n, err := params[i].Uint32Value()
			if err != nil {
				return err
			}
			go d.burst(device, n)
			continue
		}
		d.mutex.Lock()
		d.held[device+"/"+r.DeviceResourceName] = params[i]
		d.mutex.Unlock()
	}
	return nil
}

func (d *driver) burst(device string, n uint32) {
	for range n {
		value, err := sdk.NewCommandValue("Number", common.ValueTypeUint64, d.next)
		if err != nil {
			d.service.LoggingClient().Error(err.Error())
			return
		}
		d.next++
		d.service.AsyncValuesChannel() <- &sdk.AsyncValues{DeviceName: device, SourceName: "Number", CommandValues: []*sdk.CommandValue{value}}
	}
}

func (d *driver) ValidateDevice(device models.Device) error {
	if _, ok := device.Protocols["peer"]["Address"]; !ok {
		return fmt.Errorf("device %s has no peer.Address", device.Name)
	}
	return nil
}

func (d *driver) Discover() error {
	d.service.PublishDeviceDiscoveryProgressSystemEvent(50, 1, "half way")
	d.service.DiscoveredDeviceChannel() <- []sdk.DiscoveredDevice{
		{Name: "Found", Protocols: protocols{"peer": {"Address": "unit-7"}}, Description: "found"},
		{Name: "Blocked", Protocols: protocols{"peer": {"Address": "unit-13"}}},
	}
	return nil
}

func (d *driver) Start() error                                            { return nil }
func (d *driver) Stop(bool) error                                         { return nil }
func (d *driver) AddDevice(string, protocols, models.AdminState) error    { return nil }
func (d *driver) UpdateDevice(string, protocols, models.AdminState) error { return nil }
func (d *driver) RemoveDevice(string, protocols) error                    { return nil }

func main() {
	startup.Bootstrap(os.Getenv("OFFICIAL_SERVICE"), "1.0.0", &driver{})
}
