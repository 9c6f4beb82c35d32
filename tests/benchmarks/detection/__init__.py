"""How well detectors find hidden recipients, in invented organisations with innocent look-alikes and attackers."""
