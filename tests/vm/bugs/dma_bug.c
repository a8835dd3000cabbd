// SPDX-License-Identifier: GPL-2.0
/* Unmaps a buffer twice, on purpose: test_deliberate_bugs.py sees that the test kernel says so. */
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

static int __init dma_bug_init(void)
{
	struct platform_device *device = platform_device_register_simple("dma_bug", -1, NULL, 0);
	int err = -ENOMEM;
	dma_addr_t address;
	void *buffer;

	if (IS_ERR(device))
		return PTR_ERR(device);
	buffer = kzalloc(512, GFP_KERNEL);
	if (!buffer)
		goto out;
	err = dma_coerce_mask_and_coherent(&device->dev, DMA_BIT_MASK(64));
	if (err)
		goto out;
	address = dma_map_single(&device->dev, buffer, 512, DMA_TO_DEVICE);
	err = dma_mapping_error(&device->dev, address);
	if (err)
		goto out;
	dma_unmap_single(&device->dev, address, 512, DMA_TO_DEVICE);
	dma_unmap_single(&device->dev, address, 512, DMA_TO_DEVICE);
out:
	kfree(buffer);
	platform_device_unregister(device);
	return err;
}

static void __exit dma_bug_exit(void)
{
}

module_init(dma_bug_init);
module_exit(dma_bug_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Unmaps a buffer twice on purpose");
